"""The selector: a list of candidates and a snapshot become a matrix of daily returns, under stated rules.

`candidates` reads the list, `returns` is the child that makes the matrix, `matrices` asks for one and keeps it. All of
it reads the snapshot's segments alone, so the same list and the same snapshot give the same bytes.
"""
