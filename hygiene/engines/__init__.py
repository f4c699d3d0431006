"""Where big tables are computed: DuckDB in the process, or Spark."""
