"""Bytes from outside and to outside: text, JSON, tables, values of documents, safe names, locks."""
