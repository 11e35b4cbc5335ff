fetch('/api/foo').then((res) => res.json())
