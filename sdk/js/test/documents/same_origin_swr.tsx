import useSWR from 'swr'

export default async function useClerkSWR(url: string) {
  const fetcher = async (...args: [RequestInfo]) => {
    return fetch(...args).then((res) => res.json())
  }

  return useSWR(url, fetcher)
}
