"""Models by formula: what is written, the columns of numbers that it means, and their exact moments."""
