"""HTTP without models: requests, bodies, forms, responses, error shapes and the route table."""
