"""The demo business: a believable year of a programmers' school, made through the product's own services."""
