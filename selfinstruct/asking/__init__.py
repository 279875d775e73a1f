"""How a model is asked: stages, templates, the settings of an endpoint, one sitting of paid work."""
