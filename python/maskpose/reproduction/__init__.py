"""The paper's table and figures from one command: the steps, and what they draw and write."""
