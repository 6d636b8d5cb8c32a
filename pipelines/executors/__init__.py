"""Two ways to run units with one meaning: on Ray, and serially in this process."""
