"""From a decoded request to an answer: deployments, the upstream call, pass-through."""
