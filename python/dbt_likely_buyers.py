"""dbt finds this module by its name (`dbt_…`): it makes what dbt writes lie in the state folder, as all else.

dbt_project.yml cannot: `target-path` is deprecated there (each command warns, and none runs with --warn-error), and
`log-path` is not rendered, so that it cannot name the folder that the environment does.
"""

from likely_buyers.dbt.paths import StatePaths

plugins = [StatePaths]
