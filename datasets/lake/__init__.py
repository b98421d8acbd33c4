"""The golden copy: `commit` is the one door into it, `catalog` says what it holds, `scan` reads it.

What arrives is an Offer. In a child `building` judges its sessions (`judging`), joins the good ones with what is there
(`merging`) and writes segments; `commit` stores those and swaps the catalog in one transaction.
"""
