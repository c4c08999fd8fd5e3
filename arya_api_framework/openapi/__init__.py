"""What a client declares, as an OpenAPI document."""
