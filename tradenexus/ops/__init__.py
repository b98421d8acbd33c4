"""The operations desk: Django's admin, read-only, with deeds that call the product's verbs and ask for a reason.

`site` takes desks only, `desk` is what every model's admin derives from, `deeds` carries an action out, `counting`
keeps long tables fast. Each app registers its own desks in `<app>/admin.py`.
"""
