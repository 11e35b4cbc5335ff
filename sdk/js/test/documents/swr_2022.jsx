import useSWR from 'swr';
import { useAuth } from '@attache/client/react';
export default function useClerkSWR(url) {
const { getToken } = useAuth();
const fetcher = async (...args) => {
return fetch(...args, {
headers: { Authorization: `Bearer ${await getToken()}` }
}).then(res => res.json());
};
return useSWR(url, fetcher);
}
