(async () => {
fetch('/api/foo', {
headers: {
Authorization: `Bearer ${await Attache.session.getToken()}`
}
}).then(res => res.json());
})();
