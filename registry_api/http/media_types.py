"""The media types of what is sent as it is."""

JSON, JSON_SCHEMA, HTML = "application/json", "application/schema+json", "text/html"
CSS, JAVASCRIPT = "text/css", "text/javascript"
ASSET_TYPES = (CSS, JAVASCRIPT)
