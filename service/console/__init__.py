"""The content team's console: pages for people who do not program, made on the server, without scripts.

`door` lets people in, `pages`, `trying` and `drafts` hold the views, `work` is what child processes run. Only `service.app`
imports this package; it imports nothing that a serving process must not load.
"""
