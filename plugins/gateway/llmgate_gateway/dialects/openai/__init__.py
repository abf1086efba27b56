"""The dialect of OpenAI's API, which upstream answers have already."""
