"""Times to the second, in UTC, and days as everywhere in the product."""

DATETIME_FORMAT = r"Y-m-d H:i:s\Z"
DATE_FORMAT = "Y-m-d"
