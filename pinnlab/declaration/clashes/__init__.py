"""Data that clash where starts and boundaries meet, and the layers that follow."""
