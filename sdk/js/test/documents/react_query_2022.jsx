import { useQuery } from 'react-query';
import { useAuth } from '@attache/client/react';
export default function useClerkQuery(url) {
const { getToken } = useAuth();
return useQuery(url, async () => {
const res = await fetch(url, {
headers: { Authorization: `Bearer ${await getToken()}` }
});
if (!res.ok) {
throw new Error('Network response error')
}
return res.json()
});
}
