"""The endpoint: stored scores, and scores of single users with the events since the build, over HTTP.

`copy` writes what it reads, `store` reads it; `events`, `packed_days` and `live_features` make features of a user just
in time; `live_scores` gathers those who wait; `champions` are the models of a stage; `app` and its routes answer.
"""
