"""How declared features are computed: by compiled windows, and by the SQL these are held to."""
