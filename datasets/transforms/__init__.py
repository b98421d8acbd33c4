"""Transforms: one version in, one derived version out. `registry` names them."""
