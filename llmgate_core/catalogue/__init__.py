"""Facts about models: the shipped rows, the rules that judge a parameter by them, and prices.

A new model is a row in `data/`, never a comparison in code.
"""
