"""How a scorecard is made of answers and ratings, and shown: reads rows, writes none."""
