"""Offline: learns the weights that `analysis` ships. Never imported by the running bot.

The one part of this ring that reads files, and only in `sets` and `corpora`: data sets lie outside
the project.
"""
