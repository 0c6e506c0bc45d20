"""The declaration of a problem: equations' terms, conditions, parameters, exact conditions, the dry run."""
