"""Why figures are what they are: providers, bounce reasons, days that stand out, complaints, fatigue, age."""
