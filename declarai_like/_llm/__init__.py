"""One request to a model, from the question to the end of its response, as a flow."""
