"""One HTML page that shows what tools/evaluate.py found: scores, curves and photographs, of one run or several."""
