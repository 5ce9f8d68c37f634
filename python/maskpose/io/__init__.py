"""Bytes from outside and to outside: files, images, text, JSON, tables, values of documents, safe names, locks."""
