export default async function useFetch() {
  const authenticatedFetch = async (...args) => {
    return fetch(...args).then((res) => res.json())
  }
  return authenticatedFetch
}
