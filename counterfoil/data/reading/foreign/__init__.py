"""Read files that write cells in a way of their own: other encodings, other marks, other forms of days, workbooks."""
