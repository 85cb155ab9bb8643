"""What the pages in a browser have in common, the report's and the site's: style, scripts and the charts' runtime."""
