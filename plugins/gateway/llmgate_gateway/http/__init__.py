"""HTTP, without knowledge of models: requests, bodies, forms, responses, error facts and the route table."""
