"""What lies in a source, before anything is built: what it is, which mapping reads it, and what that makes of it.

Only the first lines are read. They are written to a folder that is thrown away, and the project's own models run on
them: there is no second definition of a mapping.
"""

from likely_buyers.inspecting.errors import InspectionImpossible
from likely_buyers.inspecting.inspection import Inspection, inspect_source

__all__ = ["Inspection", "InspectionImpossible", "inspect_source"]
