"""Serve many visitors: settings, the queue, memory, the cache, allowed models, playlists of recordings."""
