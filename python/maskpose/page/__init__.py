"""The page that runs the network in a browser: its folder of files, and a server on this machine."""
