"""The paper's table and figures from one command: its steps, and what they write."""
