"""What a user holds afterwards: evaluate, measure, compare, report, save, export."""
