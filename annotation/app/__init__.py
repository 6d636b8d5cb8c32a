"""The server behind the page: routes without logic, over the project's store. `pip install 'million-ird[annotate]'`."""
