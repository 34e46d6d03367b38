"""The shared library of the course: what the lessons use but do not teach, and what earlier lessons taught."""
