import { useAuth } from '@attache/client/react';
export default function useFetch() {
const { getToken } = useAuth();
const authenticatedFetch = async (...args) => {
return fetch(...args, {
headers: { Authorization: `Bearer ${await getToken()}` }
}).then(res => res.json());
};
return authenticatedFetch;
}
