// The Hasura document's own snippet under Apollo Client 4, with the import changed and nothing else.
import "./dom.js";
import { ApolloProviderWrapper } from "./documents/apollo_4.jsx"; // Version 4 has its provider at another address: one line more.
import { promiseHasura } from "./hasura.js";
import { gql } from "@apollo/client";
import { useQuery } from "@apollo/client/react";

promiseHasura("Apollo Client 4 brings Hasura's token, renewed when it runs out", ApolloProviderWrapper, () => useQuery(gql`{ name }`, { fetchPolicy: "network-only" }) as any);
