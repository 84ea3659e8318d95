import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Kafka's own client, asked by lines of JSON on standard input: the tests' reader that shares no
 * code with ours. Compiled by witness.ts, which knows the questions.
 */
public final class Witness {
  private static final ObjectMapper json = new ObjectMapper();
  private static final PrintStream out = System.out;

  public static void main(String[] args) throws Exception {
    ExecutorService workers = Executors.newCachedThreadPool();
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode question = json.readTree(line);
      workers.submit(() -> answer(question));
    }
    System.exit(0);
  }

  private static void answer(JsonNode question) {
    ObjectNode last = json.createObjectNode().put("id", question.get("id").asInt());
    try {
      switch (question.get("ask").asText()) {
        case "read" -> read(question);
        case "createTopic" -> createTopic(question);
        case "moveLeaders" -> moveLeaders(question);
        case "grant" -> changeAcls(question, true);
        case "revoke" -> changeAcls(question, false);
        default -> throw new IllegalArgumentException("unknown question");
      }
      last.put("done", true);
    } catch (Throwable failure) {
      Throwable cause = failure.getCause() == null ? failure : failure.getCause();
      last.put("failed", cause.toString());
    }
    print(last);
  }

  private static void print(JsonNode line) {
    synchronized (out) {
      out.println(line.toString());
      if (!line.has("record")) out.flush();
    }
  }

  /** Reads until the end that the topic has by then, and on until there were `atLeast` records. */
  private static void read(JsonNode question) throws InterruptedException {
    long deadline = System.currentTimeMillis() + question.get("timeoutMs").asLong();
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(question)) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(question.get("topic").asText()).stream()
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      if (partitions.isEmpty()) throw new IllegalArgumentException("there is no such topic");
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      for (JsonNode from : question.get("from")) {
        int partition = from.get(0).asInt();
        consumer.seek(
            new TopicPartition(question.get("topic").asText(), partition), from.get(1).asLong());
      }
      long count = 0;
      while (true) {
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
          for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
            print(toJson(question, record));
            count += 1;
          }
          if (System.currentTimeMillis() > deadline) throw new IllegalStateException("timed out");
        }
        if (count >= question.get("atLeast").asLong()) return;
        if (System.currentTimeMillis() > deadline) return;
        Thread.sleep(10);
      }
    }
  }

  private static KafkaConsumer<byte[], byte[]> consumer(JsonNode question) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", question.get("address").asText());
    config.put("isolation.level", question.get("isolation").asText());
    config.put("enable.auto.commit", false);
    config.put("allow.auto.create.topics", false);
    config.put("default.api.timeout.ms", question.get("timeoutMs").asInt());
    config.put("request.timeout.ms", Math.min(10_000, question.get("timeoutMs").asInt()));
    config.put("max.poll.records", 10_000);
    // Closing a consumer waits for the fetch that it has under way.
    config.put("fetch.max.wait.ms", 10);
    return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static JsonNode toJson(JsonNode question, ConsumerRecord<byte[], byte[]> record) {
    ObjectNode line = json.createObjectNode();
    line.set("id", question.get("id"));
    ArrayNode fields = line.putArray("record");
    fields.add(record.partition()).add(record.offset()).add(record.timestamp());
    fields.add(record.key()).add(record.value());
    ArrayNode headers = fields.addArray();
    for (Header header : record.headers()) headers.addArray().add(header.key()).add(header.value());
    return line;
  }

  private static void createTopic(JsonNode question) throws Exception {
    Map<String, String> configs = new HashMap<>();
    question.get("configs").fields().forEachRemaining(e -> configs.put(e.getKey(), e.getValue().asText()));
    String name = question.get("topic").asText();
    // As many replicas as the servers make by default.
    var partitions = Optional.of(question.get("partitions").asInt());
    NewTopic topic = new NewTopic(name, partitions, Optional.empty());
    try (Admin admin = admin(question)) {
      admin.createTopics(List.of(topic.configs(configs))).all().get();
      while (!hasLeaders(admin, name, partitions.get())) Thread.sleep(5);
    }
  }

  /** A topic that was created is not known to the broker for some milliseconds. */
  private static boolean hasLeaders(Admin admin, String name, int partitions) throws Exception {
    try {
      var known = admin.describeTopics(List.of(name)).allTopicNames().get().get(name).partitions();
      return known.size() == partitions && known.stream().allMatch(p -> p.leader() != null);
    } catch (java.util.concurrent.ExecutionException unknownYet) {
      return false;
    }
  }

  /** Gives the lead of each partition to the replica `by` places after its leader, if it is in sync. */
  private static void moveLeaders(JsonNode question) throws Exception {
    try (Admin admin = admin(question)) {
      Map<TopicPartition, Optional<NewPartitionReassignment>> orders = new HashMap<>();
      Map<TopicPartition, Integer> leaders = new HashMap<>();
      for (TopicDescription topic : topicsInSync(admin, question.get("waitMs").asLong())) {
        for (TopicPartitionInfo info : topic.partitions()) {
          List<Integer> order = new ArrayList<>(info.replicas().stream().map(Node::id).toList());
          int leader = info.leader() == null ? -1 : order.indexOf(info.leader().id());
          if (leader < 0 || order.size() < 2) continue;
          int next = order.get((leader + question.get("by").asInt()) % order.size());
          if (info.isr().stream().noneMatch(node -> node.id() == next)) continue;
          Collections.rotate(order, -order.indexOf(next));
          TopicPartition partition = new TopicPartition(topic.name(), info.partition());
          orders.put(partition, Optional.of(new NewPartitionReassignment(order)));
          leaders.put(partition, next);
        }
      }
      admin.alterPartitionReassignments(orders).all().get();
      var failures = admin.electLeaders(ElectionType.PREFERRED, orders.keySet()).partitions().get();
      failures.forEach((partition, failure) -> {
        if (failure.isPresent()) return;
        ObjectNode line = json.createObjectNode();
        line.set("id", question.get("id"));
        ArrayNode fields = line.putArray("record").add(partition.topic());
        fields.add(partition.partition()).add(leaders.get(partition));
        print(line);
      });
    }
  }

  /** All topics, once all of their replicas are in sync, or when the time is over. */
  private static Collection<TopicDescription> topicsInSync(Admin admin, long waitMs)
      throws Exception {
    long deadline = System.currentTimeMillis() + waitMs;
    while (true) {
      var names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
      var topics = admin.describeTopics(names).allTopicNames().get().values();
      boolean inSync =
          topics.stream()
              .flatMap(topic -> topic.partitions().stream())
              .allMatch(info -> info.isr().size() == info.replicas().size());
      if (inSync || System.currentTimeMillis() > deadline) return topics;
      Thread.sleep(50);
    }
  }

  private static void changeAcls(JsonNode question, boolean grant) throws Exception {
    ResourcePattern pattern =
        new ResourcePattern(
            ResourceType.fromString(question.get("resource").asText()),
            question.get("name").asText(),
            PatternType.valueOf(question.get("pattern").asText().toUpperCase()));
    List<AclBinding> bindings = new ArrayList<>();
    for (JsonNode operation : question.get("operations")) {
      AclOperation what = AclOperation.fromString(operation.asText());
      String who = "User:" + question.get("user").asText();
      var entry = new AccessControlEntry(who, "*", what, AclPermissionType.ALLOW);
      bindings.add(new AclBinding(pattern, entry));
    }
    try (Admin admin = admin(question)) {
      if (grant) admin.createAcls(bindings).all().get();
      else admin.deleteAcls(bindings.stream().map(AclBinding::toFilter).toList()).all().get();
    }
  }

  private static Admin admin(JsonNode question) {
    return Admin.create(Map.of("bootstrap.servers", question.get("address").asText()));
  }
}
