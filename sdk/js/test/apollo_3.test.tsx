// The Hasura document's own snippet under Apollo Client 3, with the import changed and nothing else.
import "./dom.js";
import { ApolloProviderWrapper } from "./documents/apollo_3.jsx";
import { promiseHasura } from "./hasura.js";
import { gql } from "@apollo/client";
import { useQuery } from "@apollo/client/react";

promiseHasura("Apollo Client 3 brings Hasura's token, renewed when it runs out", ApolloProviderWrapper, () => useQuery(gql`{ name }`, { fetchPolicy: "network-only" }) as any);
