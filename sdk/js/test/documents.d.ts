// The documents' snippets are JavaScript.
declare module "*.jsx" {
  const snippet: any;
  export default snippet;
  export const ApolloProviderWrapper: any;
}
