"""Two manuals in other styles than the samples, and questions about all of them with the pages that answer them."""
