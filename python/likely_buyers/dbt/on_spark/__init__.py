"""What the target `spark` of the profile needs in the process of dbt, beside dbt-spark."""
