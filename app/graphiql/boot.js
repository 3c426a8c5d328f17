"use strict";

(() => {
  const setup = JSON.parse(document.getElementById("setup").textContent);
  const demoHeaders = Object.keys(setup.headers).length
    ? JSON.stringify(setup.headers, null, 2)
    : "";
  const endpoint = new URL(location.pathname, location.origin);
  const liveEndpoint = new URL(endpoint);
  liveEndpoint.protocol = endpoint.protocol.replace("http", "ws");

  function isSubscription(document, operationName) {
    return (document?.definitions ?? []).some(
      (definition) =>
        definition.operation === "subscription" &&
        (!operationName || definition.name?.value === operationName),
    );
  }

  // A socket a subscription: each speaks for the headers it was started with.
  function subscribe(request, headers) {
    return {
      subscribe(sink) {
        const client = graphqlWs.createClient({ url: liveEndpoint.href, connectionParams: headers });
        const stop = client.subscribe(request, {
          next: (result) => sink.next(result),
          complete: () => sink.complete(),
          error: (reason) => sink.error(readable(reason)),
        });
        return {
          unsubscribe() {
            stop();
            client.dispose();
          },
        };
      },
    };
  }

  // A refused socket arrives as an event, which prints as nothing.
  function readable(reason) {
    if (reason instanceof Error || Array.isArray(reason)) return reason;
    return new Error(`The connection closed (${reason?.code ?? "?"}) ${reason?.reason ?? ""}`.trim());
  }

  async function post(request, headers) {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json", ...headers },
      body: JSON.stringify(request),
    });
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      return { status: response.status, body: text };
    }
  }

  function fetcher(request, { documentAST, headers } = {}) {
    return isSubscription(documentAST, request.operationName)
      ? subscribe(request, headers ?? {})
      : post(request, headers);
  }

  // GraphiQL remembers tabs without their headers. A remembered tab gets today's demo headers, and
  // none of an earlier data folder.
  const storage = {
    get length() {
      return localStorage.length;
    },
    getItem(key) {
      const value = localStorage.getItem(key);
      if (!demoHeaders) return value;
      if (key === "graphiql:headers") return value || demoHeaders;
      if (key !== "graphiql:tabState" || !value) return value;
      try {
        const state = JSON.parse(value);
        state.tabs = state.tabs.map((tab) => ({ ...tab, headers: tab.headers || demoHeaders }));
        return JSON.stringify(state);
      } catch {
        return null;
      }
    },
    setItem: (key, value) => localStorage.setItem(key, value),
    removeItem: (key) => localStorage.removeItem(key),
    clear: () => localStorage.clear(),
  };

  function Explorable() {
    const [query, setQuery] = React.useState(undefined);
    const explorer = GraphiQLPluginExplorer.useExplorerPlugin({
      query,
      onEdit: setQuery,
      showAttribution: false,
    });
    return React.createElement(GraphiQL, {
      defaultEditorToolsVisibility: demoHeaders ? "headers" : true,
      defaultHeaders: demoHeaders || undefined,
      defaultTabs: setup.tabs.length
        ? setup.tabs.map((tab) => ({ ...tab, headers: demoHeaders || undefined }))
        : undefined,
      fetcher,
      onEditQuery: setQuery,
      plugins: [explorer],
      query,
      storage,
    });
  }

  ReactDOM.render(React.createElement(Explorable), document.getElementById("graphiql"));
})();
