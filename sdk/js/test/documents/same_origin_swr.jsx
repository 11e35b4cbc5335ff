import useSWR from 'swr'

export default function useClerkSWR(url) {
  const fetcher = async (...args) => {
    return fetch(...args).then((res) => res.json())
  }

  return useSWR(url, fetcher)
}
