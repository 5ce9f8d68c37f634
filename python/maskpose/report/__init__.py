"""One HTML page of what `maskpose evaluate` wrote: scores, curves and images, of one run or several."""
