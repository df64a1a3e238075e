"""What is rendered for who computes features apart from dbt: between builds, by the SQL of the build."""

NEXT = "\n-- the next one --\n"
"""Between texts that are rendered together."""

FEATURES = "{{ user_features('scoring_cutoff', 'all_days', cutoff_name='as_of_date') }}"
"""Features over the relations `all_days`, as silver.user_days, and `scoring_cutoff`."""
